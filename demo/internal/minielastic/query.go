package minielastic

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/search/query"
)

// translate translates a query of Elasticsearch to bleve. An absent query means all documents.
func translate(raw json.RawMessage) (query.Query, error) {
	if len(raw) == 0 {
		return bleve.NewMatchAllQuery(), nil
	}
	kind, clause, err := only(raw)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "match_all":
		return bleve.NewMatchAllQuery(), nil
	case "match_none":
		return bleve.NewMatchNoneQuery(), nil
	case "bool":
		return translateBool(clause)
	case "query_string":
		var body struct {
			Query string `json:"query"`
		}
		if err := decodeStrict(clause, &body); err != nil {
			return nil, err
		}
		return queryString(body.Query)
	case "match", "match_phrase", "term", "terms", "prefix", "range":
		field, body, err := only(clause)
		if err != nil {
			return nil, err
		}
		return translateField(kind, field, body)
	}
	return nil, failf("parsing_exception", "unknown query [%s]", kind)
}

// only splits an object with one key, {"name": value}, which is the form of all queries.
func only(raw json.RawMessage) (name string, value json.RawMessage, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil || len(object) != 1 {
		return "", nil, failf("parsing_exception", "expected an object with one key, found [%s]", raw)
	}
	for name, value = range object {
		break
	}
	return name, value, nil
}

func translateBool(raw json.RawMessage) (query.Query, error) {
	var body struct {
		Must               clauses `json:"must"`
		Should             clauses `json:"should"`
		MustNot            clauses `json:"must_not"`
		Filter             clauses `json:"filter"`
		MinimumShouldMatch *int    `json:"minimum_should_match"`
	}
	if err := decodeStrict(raw, &body); err != nil {
		return nil, err
	}
	if len(body.Must)+len(body.Should)+len(body.MustNot)+len(body.Filter) == 0 {
		return bleve.NewMatchAllQuery(), nil
	}
	q := bleve.NewBooleanQuery()
	q.AddMust(body.Must...)
	q.AddShould(body.Should...)
	q.AddMustNot(body.MustNot...)
	if body.Filter != nil {
		q.AddFilter(bleve.NewConjunctionQuery(body.Filter...))
	}
	switch {
	case body.MinimumShouldMatch != nil:
		q.SetMinShould(float64(*body.MinimumShouldMatch))
	case body.Should != nil && body.Must == nil && body.Filter == nil:
		q.SetMinShould(1)
	}
	return q, nil
}

// clauses is a list of queries. A single one needs no brackets.
type clauses []query.Query

func (c *clauses) UnmarshalJSON(raw []byte) error {
	list := []json.RawMessage{raw}
	if bytes.HasPrefix(raw, []byte("[")) {
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
	}
	for _, one := range list {
		q, err := translate(one)
		if err != nil {
			return err
		}
		*c = append(*c, q)
	}
	return nil
}

func translateField(kind, field string, raw json.RawMessage) (query.Query, error) {
	switch kind {
	case "terms":
		return oneOf(field, raw)
	case "range":
		return between(field, raw)
	}
	value, operator, err := fieldValue(raw)
	if err != nil {
		return nil, err
	}
	text, isText := value.(string)
	if kind == "term" || !isText { // a number or a bool has no words
		return exactly(field, value)
	}
	switch kind {
	case "match_phrase":
		q := bleve.NewMatchPhraseQuery(text)
		q.SetField(field)
		return q, nil
	case "prefix":
		q := bleve.NewPrefixQuery(text)
		q.SetField(field)
		return q, nil
	default:
		q := bleve.NewMatchQuery(text)
		q.SetField(field)
		if strings.EqualFold(operator, "and") {
			q.SetOperator(query.MatchQueryOperatorAnd)
		}
		return q, nil
	}
}

// fieldValue parses what a query says about its field: {"query": "text"}, or "text" for short, or
// {"value": "text"} without analysis.
func fieldValue(raw json.RawMessage) (value any, operator string, err error) {
	var body struct {
		Query, Value any
		Operator     string
	}
	if bytes.HasPrefix(raw, []byte("{")) {
		err = decodeStrict(raw, &body)
	} else {
		err = json.Unmarshal(raw, &body.Query)
	}
	if body.Query == nil {
		body.Query = body.Value
	}
	return body.Query, body.Operator, err
}

func oneOf(field string, raw json.RawMessage) (query.Query, error) {
	var values []any
	if err := decodeStrict(raw, &values); err != nil {
		return nil, err
	}
	any := bleve.NewDisjunctionQuery()
	for _, value := range values {
		q, err := exactly(field, value)
		if err != nil {
			return nil, err
		}
		any.AddQuery(q)
	}
	return any, nil
}

func exactly(field string, value any) (query.Query, error) {
	switch value := value.(type) {
	case string:
		q := bleve.NewTermQuery(value)
		q.SetField(field)
		return q, nil
	case float64:
		q := bleve.NewNumericRangeInclusiveQuery(&value, &value, new(true), new(true))
		q.SetField(field)
		return q, nil
	case bool:
		q := bleve.NewBoolFieldQuery(value)
		q.SetField(field)
		return q, nil
	}
	return nil, failf("parsing_exception", "[%s] needs a string, a number or a bool, not [%v]", field, value)
}

func between(field string, raw json.RawMessage) (query.Query, error) {
	var body struct {
		GT, GTE, LT, LTE any
	}
	if err := decodeStrict(raw, &body); err != nil {
		return nil, err
	}
	low, lowIn := body.GT, false
	if body.GTE != nil {
		low, lowIn = body.GTE, true
	}
	high, highIn := body.LT, false
	if body.LTE != nil {
		high, highIn = body.LTE, true
	}
	lowNumber, lowIsNumber := low.(float64)
	highNumber, highIsNumber := high.(float64)
	lowText, lowIsText := low.(string)
	highText, highIsText := high.(string)
	switch {
	case lowIsNumber && highIsNumber, lowIsNumber && high == nil, highIsNumber && low == nil:
		var min, max *float64
		if lowIsNumber {
			min = &lowNumber
		}
		if highIsNumber {
			max = &highNumber
		}
		q := bleve.NewNumericRangeInclusiveQuery(min, max, &lowIn, &highIn)
		q.SetField(field)
		return q, nil
	case lowIsText && highIsText, lowIsText && high == nil, highIsText && low == nil:
		q := bleve.NewTermRangeInclusiveQuery(lowText, highText, &lowIn, &highIn)
		q.SetField(field)
		return q, nil
	}
	return nil, failf("parsing_exception", "[range] of [%s] needs two numbers or two strings, or one of them", field)
}

// queryString parses a query in bleve's query language.
func queryString(text string) (query.Query, error) {
	q := bleve.NewQueryStringQuery(text)
	if err := q.Validate(); err != nil {
		return nil, failf("query_shard_exception", "Failed to parse query [%s]", text)
	}
	return q, nil
}
