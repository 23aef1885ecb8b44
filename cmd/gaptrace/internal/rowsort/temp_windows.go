package rowsort

// deleteOnClose is FILE_FLAG_DELETE_ON_CLOSE: Windows deletes the file when its last handle is
// closed, which the end of the process also does. An open file cannot be removed.
const deleteOnClose = 0x04000000
