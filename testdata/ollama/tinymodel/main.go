// Command tinymodel writes the tiny models of this folder: real GGUF files with weights set by hand, so that what a real
// Ollama server answers with them is known beforehand.
//
//	go run . -kind script|vision|embed -out FILE
package main

import (
	"flag"
	"log"
	"strings"
)

var specials = []string{"<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|tools|>", "<|aftertool|>"}

// The ids of the specials follow the 256 tokens of single bytes.
const (
	tBOS = 256 + iota
	tEOS
	tSystem
	tUser
	tAssistant
	tTool
	tTools
	tAfterTool
	tFirstFree
)

func llamaKV(f *file, arch string, dim, layers, heads, ff, ctx uint32, toks []string, types []int32) {
	f.set("general.architecture", arch)
	f.set("general.name", "tiny")
	f.set("general.file_type", uint32(0))
	f.set(arch+".context_length", ctx)
	f.set(arch+".embedding_length", dim)
	f.set(arch+".block_count", layers)
	f.set(arch+".feed_forward_length", ff)
	f.set(arch+".attention.head_count", heads)
	f.set(arch+".attention.head_count_kv", heads)
	f.set(arch+".attention.layer_norm_rms_epsilon", float32(1e-5))
	f.set(arch+".rope.dimension_count", dim/heads)
	f.set(arch+".rope.freq_base", float32(10000))
	f.set(arch+".vocab_size", uint32(len(toks)))
	tokenizerKV(f, toks, types)
}

func tokenizerKV(f *file, toks []string, types []int32) {
	f.set("tokenizer.ggml.model", "gpt2")
	f.set("tokenizer.ggml.pre", "default")
	f.set("tokenizer.ggml.tokens", toks)
	f.set("tokenizer.ggml.token_type", types)
	f.set("tokenizer.ggml.scores", make([]float32, len(toks)))
	f.set("tokenizer.ggml.merges", []string{}) // It must be there, and may be empty.
	f.set("tokenizer.ggml.bos_token_id", uint32(tBOS))
	f.set("tokenizer.ggml.eos_token_id", uint32(tEOS))
	f.set("tokenizer.ggml.add_bos_token", false)
	f.set("tokenizer.ggml.add_eos_token", false)
}

// vocab is 256 bytes, the specials (type 3, control), then extra ones (type 1).
func vocab(extra []string) ([]string, []int32) {
	toks := append(byteTokens(), specials...)
	bt := byteTokens()
	for _, e := range extra {
		var sb strings.Builder
		for i := 0; i < len(e); i++ {
			sb.WriteString(bt[e[i]])
		}
		toks = append(toks, sb.String())
	}
	types := make([]int32, len(toks))
	for i := range types {
		types[i] = 1
		if i >= 256 && i < tFirstFree {
			types[i] = 3
		}
	}
	return toks, types
}

func fill(n int, v float32) []float32 {
	a := make([]float32, n)
	for i := range a {
		a[i] = v
	}
	return a
}

// rule says that where the trigger stands anywhere before, next follows cur.
type rule struct{ trigger, cur, next int }

// script makes a llama whose weights spell a transition table. Embeddings are one-hot, attention adds nothing but the
// mean of earlier tokens, and
//
//	logits[next] = table[current][next]                       (bigram)
//	             + gate(current == cur) * mean(prompt has trigger)  (rules)
func script(arch string, pairs map[int][]int, rules []rule, toks []string, types []int32) *file {
	v := len(toks)
	nt := 0 // Triggers.
	trig := map[int]int{}
	for _, r := range rules {
		if _, ok := trig[r.trigger]; !ok {
			trig[r.trigger] = nt
			nt++
		}
	}
	// The residual: [0,v) one-hot of the current token; [v,v+nt) mean of triggers; [v+nt, v+nt+len(rules)) fired rules; then padding.
	heads := 4
	dim := (v + nt + len(rules) + 127) / 128 * 128
	ff := (max(len(rules), 1) + 31) / 32 * 32
	f := &file{}
	llamaKV(f, arch, uint32(dim), 1, uint32(heads), uint32(ff), 8192, toks, types)
	d := uint64(dim)
	mat := func(in, out int) []float32 { return make([]float32, in*out) }
	emb := mat(dim, v)
	for t := range v {
		emb[t*dim+t] = 1
	}
	f.add("token_embd.weight", emb, d, uint64(v))
	// Attention: q=k=0, so every earlier token weighs the same; v picks triggers.
	val := mat(dim, dim)
	for t, i := range trig {
		val[i*dim+t] = 1 // v[i] = x[t]
	}
	o := mat(dim, dim)
	for i := range nt {
		o[(v+i)*dim+i] = 1 // residual[v+i] += attended v[i]
	}
	f.add("blk.0.attn_norm.weight", fill(dim, 1), d)
	f.add("blk.0.attn_q.weight", mat(dim, dim), d, d)
	f.add("blk.0.attn_k.weight", mat(dim, dim), d, d)
	f.add("blk.0.attn_v.weight", val, d, d)
	f.add("blk.0.attn_output.weight", o, d, d)
	// Feed forward: silu(gate) * up, gate = current token, up = trigger's mean.
	gate, up, down := mat(dim, ff), mat(dim, ff), mat(ff, dim)
	for i, r := range rules {
		gate[i*dim+r.cur] = 1
		up[i*dim+v+trig[r.trigger]] = 1
		down[(v+nt+i)*ff+i] = 100
	}
	f.add("blk.0.ffn_norm.weight", fill(dim, 1), d)
	f.add("blk.0.ffn_gate.weight", gate, d, uint64(ff))
	f.add("blk.0.ffn_up.weight", up, d, uint64(ff))
	f.add("blk.0.ffn_down.weight", down, uint64(ff), d)
	f.add("output_norm.weight", fill(dim, 1), d)
	out := mat(dim, v)
	for cur, nexts := range pairs {
		for k, n := range nexts {
			out[n*dim+cur] = float32(2) / float32(1+k) // The first one wins at temperature 0.
		}
	}
	for i, r := range rules {
		out[r.next*dim+v+nt+i] = 20
	}
	f.add("output.weight", out, d, uint64(v))
	return f
}

func scripted() *file {
	extra := []string{"Hello from the scripted model.", `{"name": "add", "parameters": {"a": 2, "b": 3}}`, "The tool answered.", "I saw the PINEAPPLE.", "PINEAPPLE", "SLOWLY", "tick ", "PONDER", "<think>", "Let me think.", "</think>", "Done thinking.", "tock "}
	toks, types := vocab(extra)
	hello, call, after, saw, pine, slow, tick, ponder, think := tFirstFree, tFirstFree+1, tFirstFree+2, tFirstFree+3, tFirstFree+4, tFirstFree+5, tFirstFree+6, tFirstFree+7, tFirstFree+8
	types[pine], types[slow], types[ponder] = 4, 4, 4 // User-defined: found verbatim in any text.
	pairs := map[int][]int{
		tAssistant: {hello}, hello: {tEOS},
		tTools: {call}, call: {tEOS},
		tAfterTool: {after}, after: {tEOS},
		saw: {tEOS}, tick: {think + 4}, think + 4: {tick}, // Endless; two tokens, because Ollama stops at one repeated 30 times.
		think: {think + 1}, think + 1: {think + 2}, think + 2: {think + 3}, think + 3: {tEOS},
	}
	// Any byte may weakly be followed by any byte, so that a grammar finds its way: quotes and braces first.
	for b := range 256 {
		pairs[b] = []int{'"', '}', ']', '1', ',', 'a', tEOS}
	}
	return script("llama", pairs, []rule{{pine, tAssistant, saw}, {slow, tAssistant, tick}, {ponder, tAssistant, think}}, toks, types)
}

// topics are the words whose counts tiny-embed's vectors hold.
var topics = strings.Fields(`bakery bread ferry river fog hives bees honey library books tools drill mill wheel oak train night sleepers
	tea spoon invoice payment refund delivery parcel password login holiday opening summer winter garden`)

// embedded makes a llama whose embedding of a text says how often it has each of the topics: attention adds the mean of all
// tokens up to the last one, in which a topic counts fifty times what another byte does.
func embedded() *file {
	toks, types := vocab(topics)
	v := len(toks)
	for i := tFirstFree; i < v; i++ {
		types[i] = 4 // User-defined: found verbatim in any text.
	}
	dim := (v + 127) / 128 * 128
	const ff = 32
	f := &file{}
	llamaKV(f, "llama", uint32(dim), 1, 4, ff, 8192, toks, types)
	d := uint64(dim)
	tokens, counted, added := make([]float32, dim*v), make([]float32, dim*dim), make([]float32, dim*dim)
	for t := range v {
		tokens[t*dim+t] = 1
		added[t*dim+t] = 1000
		switch {
		case t >= tFirstFree:
			counted[t*dim+t] = 1
		case t < 256:
			counted[t*dim+t] = 0.02
		}
	}
	f.add("token_embd.weight", tokens, d, uint64(v))
	f.add("blk.0.attn_norm.weight", fill(dim, 1), d)
	f.add("blk.0.attn_q.weight", make([]float32, dim*dim), d, d)
	f.add("blk.0.attn_k.weight", make([]float32, dim*dim), d, d)
	f.add("blk.0.attn_v.weight", counted, d, d)
	f.add("blk.0.attn_output.weight", added, d, d)
	f.add("blk.0.ffn_norm.weight", fill(dim, 1), d)
	f.add("blk.0.ffn_gate.weight", make([]float32, dim*ff), d, ff)
	f.add("blk.0.ffn_up.weight", make([]float32, dim*ff), d, ff)
	f.add("blk.0.ffn_down.weight", make([]float32, ff*dim), ff, d)
	f.add("output_norm.weight", fill(dim, 1), d)
	f.add("output.weight", make([]float32, dim*v), d, uint64(v))
	return f
}

func main() {
	kind := flag.String("kind", "script", "script, vision or embed")
	out := flag.String("out", "tiny.gguf", "the file to write")
	flag.Parse()
	made := map[string]func() *file{"script": scripted, "vision": vision, "embed": embedded}[*kind]
	if made == nil {
		log.Fatalf("there is no kind %q", *kind)
	}
	if err := made().write(*out); err != nil {
		log.Fatal(err)
	}
}
