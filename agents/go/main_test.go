package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// A vector of ../../protocol/conformance/vectors: one message, as both subprotocols write it.
type vector struct {
	Name    string          `json:"name"`
	Message json.RawMessage `json:"message"`
	Msgpack string          `json:"msgpack"`
	Also    []string        `json:"msgpack_also"`
}

// pairs is a map whose fields stay in the order in which they were written.
type pairs []pair
type pair struct {
	name  string
	value any
}

func (fields pairs) EncodeMsgpack(encoder *msgpack.Encoder) error {
	if err := encoder.EncodeMapLen(len(fields)); err != nil {
		return err
	}
	for _, field := range fields {
		if err := encoder.EncodeString(field.name); err != nil {
			return err
		}
		if err := encoder.Encode(field.value); err != nil {
			return err
		}
	}
	return nil
}

// ordered reads JSON without losing the order of fields; the bytes of arrays come as bytes.
func ordered(decoder *json.Decoder) any {
	token, err := decoder.Token()
	if err != nil {
		panic(err)
	}
	switch token {
	case json.Delim('{'):
		fields := pairs{}
		for decoder.More() {
			name, _ := decoder.Token()
			fields = append(fields, pair{name.(string), ordered(decoder)})
		}
		decoder.Token()
		if len(fields) == 3 && fields[0].name == "dtype" && fields[2].name == "data" {
			data, err := base64.StdEncoding.DecodeString(fields[2].value.(string))
			if err != nil {
				panic(err)
			}
			fields[2].value = data
		}
		return fields
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			list = append(list, ordered(decoder))
		}
		decoder.Token()
		return list
	}
	if number, ok := token.(json.Number); ok {
		if whole, err := number.Int64(); err == nil {
			return whole
		}
		fraction, _ := number.Float64()
		return fraction
	}
	return token
}

func encode(t *testing.T, message any) []byte {
	var frame bytes.Buffer
	encoder := msgpack.NewEncoder(&frame)
	encoder.UseCompactInts(true)
	if err := encoder.Encode(message); err != nil {
		t.Fatal(err)
	}
	return frame.Bytes()
}

// loose is a decoded message without the widths of its numbers.
func loose(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			value[name] = loose(inner)
		}
		return value
	case []any:
		for place, inner := range value {
			value[place] = loose(inner)
		}
		return value
	case string, []byte, bool, nil:
		return value
	case float32:
		return float64(value)
	}
	return number(value)
}

func decode(t *testing.T, text string) any {
	frame, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var message map[string]any
	if err := msgpack.Unmarshal(frame, &message); err != nil {
		t.Fatal(err)
	}
	return loose(message)
}

func TestVectorsAreByteIdentical(t *testing.T) {
	files, _ := filepath.Glob("../../protocol/conformance/vectors/*.json")
	if len(files) == 0 {
		t.Fatal("no vectors")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var vectors []vector
		if err := json.Unmarshal(text, &vectors); err != nil {
			t.Fatal(err)
		}
		for _, vector := range vectors {
			decoder := json.NewDecoder(bytes.NewReader(vector.Message))
			decoder.UseNumber()
			if got := hex.EncodeToString(encode(t, ordered(decoder))); got != vector.Msgpack {
				t.Errorf("%s: encoded as %s, not %s", vector.Name, got, vector.Msgpack)
			}
			for _, other := range vector.Also {
				if !reflect.DeepEqual(decode(t, other), decode(t, vector.Msgpack)) {
					t.Errorf("%s: %s is another message", vector.Name, other)
				}
			}
		}
	}
}
