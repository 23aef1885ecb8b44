package main

func main() { println("nothing to trace") }
