result = len(context["text"].split())
