"""A pretended OpenStack in a process of its own on loopback, with latency and faults as they are asked for.

``FakeStack`` starts it; what it can be told is in ``Settings``.
"""
