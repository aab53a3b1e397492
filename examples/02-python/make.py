# Leaves one value of each kind in `result`. `context` is what the workflow's file hands over.
result = {
    "text": 'Quotes " and \', a\nnew line, ${not a reference}, <tags> and 🦉',
    "big": 2**60,
    "small": 1e-7,
    "code": "02139",
    "rows": [{"n": n, "even": n % 2 == 0} for n in range(context["rows"])],
    "nothing": None,
}
