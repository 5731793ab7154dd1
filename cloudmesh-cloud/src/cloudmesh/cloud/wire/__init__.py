"""One lean client for HTTP/1.1 and HTTP/2: a call costs little more than what goes over the wire.

It is written once, for calls that hold up their thread and for many that share one: ``waiting`` is the only
place where anybody waits.
"""
