# `context` holds the parameters of this task, and beneath `make` the whole result of the task it depends on.
sent = context["make"]["result"]
result = []
for name, value in sent.items():
    assert context[name] == value and type(context[name]) is type(value), name
    result.append(name)
print("checked", len(result), "values")
