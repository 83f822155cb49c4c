// A complete agent in Go: plays the crystals of a split over the wire, and writes what it filled. It chooses at random
// among the actions that the server allows, and asks the server to allow only what can still become charge-neutral.
//
//	go run . -server ws://127.0.0.1:8787 -split val -seed 1 -out go.jsonl
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"

	"github.com/coder/websocket"
	"github.com/vmihailenco/msgpack/v5"
)

// Map is a message, or a part of one.
type Map = map[string]any

// Session speaks to a server: one request at a time, answered in order.
type Session struct {
	socket *websocket.Conn
	nextID int
}

// Dial connects and greets; the greeting tells limits, data sets and elements.
func Dial(ctx context.Context, url, token string) (*Session, Map, error) {
	if !strings.HasSuffix(url, "/v1") {
		url = strings.TrimSuffix(url, "/") + "/v1"
	}
	socket, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"unitcell.v1.msgpack"}})
	if err != nil {
		return nil, nil, fmt.Errorf("no connection to %s: %w (start a server: unitcell-env serve)", url, err)
	}
	socket.SetReadLimit(-1)
	session := &Session{socket: socket}
	hello := Map{"protocol": "1.0", "client": "unitcell-go"}
	if token != "" {
		hello["token"] = token
	}
	server, err := session.Request(ctx, "hello", hello)
	return session, server, err
}

// Request carries out an operation. What the server says unasked, and how far long work has come, is passed over.
func (s *Session) Request(ctx context.Context, op string, fields Map) (Map, error) {
	s.nextID++
	message := Map{"id": s.nextID, "op": op}
	for name, value := range fields {
		message[name] = value
	}
	frame, err := msgpack.Marshal(message)
	if err != nil {
		return nil, err
	}
	if err := s.socket.Write(ctx, websocket.MessageBinary, frame); err != nil {
		return nil, fmt.Errorf("the connection is lost: %w", err)
	}
	for {
		_, frame, err := s.socket.Read(ctx)
		if err != nil {
			return nil, fmt.Errorf("the connection is lost: %w", err)
		}
		var answer Map
		if err := msgpack.Unmarshal(frame, &answer); err != nil {
			return nil, err
		}
		ok, isAnswer := answer["ok"].(bool)
		if !isAnswer || (answer["id"] != nil && integer(answer["id"]) != s.nextID) {
			continue
		}
		if !ok {
			fault := answer["error"].(Map)
			return nil, fmt.Errorf("the server refused %s: %v: %v", op, fault["code"], fault["message"])
		}
		return answer["result"].(Map), nil
	}
}

// integer reads any of the widths in which a whole number may come.
func integer(value any) int {
	switch number := reflect.ValueOf(value); {
	case number.CanInt():
		return int(number.Int())
	case number.CanUint():
		return int(number.Uint())
	default:
		return int(number.Float())
	}
}

// number reads a number that may have come without a fraction.
func number(value any) float64 {
	if f, ok := value.(float64); ok {
		return f
	}
	return float64(integer(value))
}

// octets are the raw little-endian bytes of an array {dtype, shape, data}.
func octets(array any) []byte { return array.(Map)["data"].([]byte) }

// Crystal is a line of the file that `unitcell-eval metrics` scores.
type Crystal struct {
	ID        any      `json:"id"`
	Agent     string   `json:"agent"`
	Seed      int      `json:"seed"`
	Generated []string `json:"generated_species"`
	True      []string `json:"true_species"`
	Reward    float64  `json:"reward"`
}

// Choose draws one of the allowed actions.
func Choose(random *rand.Rand, mask []byte) int {
	allowed := []int{}
	for action, bit := range mask {
		if bit == 1 {
			allowed = append(allowed, action)
		}
	}
	return allowed[random.IntN(len(allowed))]
}

func play(ctx context.Context, url, token, split, out string, episodes int, seed uint64) error {
	session, server, err := Dial(ctx, url, token)
	if err != nil {
		return err
	}
	defer session.socket.CloseNow()
	species := func(array any) (symbols []string) {
		for _, element := range octets(array) {
			symbols = append(symbols, server["elements"].([]any)[element].(string))
		}
		return symbols
	}
	options := Map{"split": split, "select": "sequential", "mask": true, "constraints": Map{"neutral": true}}
	made, err := session.Request(ctx, "make", Map{"environment": "CrystalFill-v1", "options": options})
	if err != nil {
		return err
	}
	if episodes == 0 {
		dataset := server["datasets"].([]any)[0].(Map)
		episodes = integer(dataset["splits"].(Map)[split].(Map)["crystals"])
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer file.Close()
	random := rand.New(rand.NewPCG(seed, 0))
	total := 0.0
	for episode := range episodes {
		state, err := session.Request(ctx, "reset", Map{"handle": made["handle"], "seed": int(seed) + episode})
		for err == nil && state["terminated"] != true {
			action := Choose(random, octets(state["info"].(Map)["mask"]))
			state, err = session.Request(ctx, "step", Map{"handle": made["handle"], "actions": action})
		}
		if err != nil {
			return err
		}
		outcome := state["info"].(Map)["outcome"].(Map)
		crystal := Crystal{outcome["crystal"], "go", int(seed) + episode, species(outcome["elements"]), nil, number(state["reward"])}
		if outcome["true_elements"] != nil {
			crystal.True = species(outcome["true_elements"])
		}
		line, _ := json.Marshal(crystal)
		if _, err := fmt.Fprintf(file, "%s\n", line); err != nil {
			return err
		}
		total += crystal.Reward
	}
	fmt.Printf("go: %d crystals filled, seed %d; mean reward %.4f; written to %s\n", episodes, seed, total/float64(episodes), out)
	_, err = session.Request(ctx, "close", Map{})
	return err
}

func main() {
	server := flag.String("server", "ws://127.0.0.1:8787", "address of the environment server")
	split := flag.String("split", "val", "split to play")
	episodes := flag.Int("episodes", 0, "number of episodes (default: one for each crystal of the split)")
	seed := flag.Uint64("seed", 0, "seed of the episodes and of the agent")
	out := flag.String("out", "go.jsonl", "file to write")
	flag.Parse()
	if err := play(context.Background(), *server, os.Getenv("UNITCELL_TOKEN"), *split, *out, *episodes, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "unitcell-go: error:", err)
		os.Exit(1)
	}
}
