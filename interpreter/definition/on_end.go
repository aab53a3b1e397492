package definition

import (
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// OnEndID is the id of the task that a notification makes; that of the second one is on_end-2.
const OnEndID = "on_end"

// notice is a notification in `on_end` while its keys are read.
type notice struct {
	taskReader
	webhook, command             *Node
	body, headers, secret, stdin *Node
}

var noticeKeys = keys[notice]{
	{[]string{"webhook"}, text, func(n *notice, given *Node) { n.webhook = given },
		"Address that gets a POST request with JSON; ${secrets.NAME} keeps it out of the file."},
	{[]string{"body"}, anything, func(n *notice, given *Node) { n.body = given },
		"What a webhook gets, with references; by default how the run ended, as ${run.status}, ${run.error} and more."},
	{[]string{"headers"}, mapping, func(n *notice, given *Node) { n.headers = given },
		"Further headers of the request of a webhook."},
	{[]string{"secret"}, text, func(n *notice, given *Node) { n.secret = given },
		"Secret that signs the request of a webhook, as ${secrets.NAME}."},
	{[]string{"command"}, list.as("a list of words", textsSchema).hinting(wordsHint), func(n *notice, given *Node) { n.command = given },
		"Program and its arguments, which run on the worker's machine; no shell reads them."},
	{[]string{"stdin"}, anything, func(n *notice, given *Node) { n.stdin = given },
		"What a command reads from its standard input, with references; by default how the run ended, as JSON."},
	{[]string{"when"}, condition, func(n *notice, given *Node) { n.When = given },
		`Condition, such as ${run.status} != "completed"; if it is false, the notification is skipped.`},
	{[]string{"timeout"}, period, func(n *notice, given *Node) { n.Timeout = given },
		"Timeout of one attempt; by default 30 s for a webhook and 60 s for a command."},
	{[]string{"retry"}, retryMapping, func(n *notice, given *Node) { readRetry(&n.taskReader, given) },
		"Retry policy; by default a webhook has three attempts and a command one."},
}

// noticesList takes the notifications.
var noticesList = list.of("notification", Elements, noticeKeys).hinting(func(n *Node) string {
	if n.Kind == value.KindObject {
		return `write "- webhook: URL" or "- command: [PROGRAM]" for each notification`
	}
	return listHint(n)
})

// readOnEnd makes a task of each notification, which runs after all others.
func readOnEnd(w *Workflow, n *Node) {
	w.each("on_end", n, mapping, func(element *Node) {
		made := &notice{taskReader: taskReader{Task{Node: element, Finally: true, Notice: true}, w}}
		read(w, element, made, "a notification", noticeKeys)
		id := OnEndID
		if number := len(w.notices) + 1; number > 1 {
			id += "-" + strconv.Itoa(number)
		}
		made.ID = textAt(element.Position, id)
		made.RunIf = textAt(element.Position, RunIfs()[2])
		made.call()
		w.notices = append(w.notices, &made.Task)
	})
}

// call sets the method and its parameters. What belongs to the other method is unknown to this one, and the rules say so.
func (n *notice) call() {
	if n.webhook != nil && n.command == nil {
		n.Method = textAt(n.webhook.Position, "notify/webhook")
		n.Parameters = &Node{Position: n.Node.Position, Kind: value.KindObject}
		n.put("url", n.webhook)
		n.put("body", n.or(n.body))
	} else if n.command != nil && n.webhook == nil {
		n.Method = textAt(n.command.Position, "notify/command")
		n.Parameters = &Node{Position: n.Node.Position, Kind: value.KindObject}
		n.put("command", n.command)
		n.put("stdin", n.or(n.stdin))
	}
	if n.Parameters == nil {
		return
	}
	for _, other := range []struct {
		name  string
		given *Node
	}{{"headers", n.headers}, {"secret", n.secret}, {"body", n.body}, {"stdin", n.stdin}} {
		if other.given != nil && n.Parameters.Get(other.name) == nil {
			n.put(other.name, other.given)
		}
	}
}

// put adds a parameter at the place of its value.
func (n *notice) put(name string, given *Node) {
	at := given.Position
	for _, field := range n.Node.Fields {
		if field.Value == given {
			at = field.At
		}
	}
	n.Parameters.Fields = append(n.Parameters.Fields, Field{name, at, given})
}

// or returns what is sent: what the file says, or how the run ended.
func (n *notice) or(given *Node) *Node {
	if given != nil {
		return given
	}
	at := n.Node.Position
	all := &Node{Position: at, Kind: value.KindObject}
	for _, name := range []string{"id", "workflow", "status", "error", "started_at"} {
		all.Fields = append(all.Fields, Field{name, at, textAt(at, "${run."+name+"}")})
	}
	all.Fields[0].Name = "run"
	return all
}

// textAt makes a text that the file does not have.
func textAt(at Position, text string) *Node {
	return &Node{Position: at, Kind: value.KindString, Text: text, Written: text}
}

// addNotices adds the notifications behind all other tasks: they wait for those in `finally`.
func (w *Workflow) addNotices() {
	for _, made := range w.notices {
		for _, before := range w.finally {
			name := before.ID
			if name == nil {
				name = before.Name
			}
			if name != nil {
				made.Dependencies = append(made.Dependencies, textAt(made.Node.Position, name.Text))
			}
		}
	}
	w.Tasks = append(append(w.Tasks, w.finally...), w.notices...)
}
