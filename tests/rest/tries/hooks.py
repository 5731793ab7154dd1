"""What schemathesis has to know of streams."""

import schemathesis

STREAM = "text/event-stream"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Tell that the schema of a stream is that of its text; schemathesis takes it for that of one event."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for response in operation.get("responses", {}).values():
                if stream := response.get("content", {}).get(STREAM):
                    stream.pop("schema")
                    stream["itemSchema"] = {"type": "object", "properties": {"data": {"type": "string"}}}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Have streams end, which have no end otherwise."""
    seconds = (case.query or {}).get("seconds")
    if case.path.endswith("/events") and case.method == "GET":
        is_long = seconds is None or (isinstance(seconds, int | float) and seconds > 0.05)
        if is_long and (seconds is None or seconds <= 86400):
            case.query = {**(case.query or {}), "seconds": 0.05}
