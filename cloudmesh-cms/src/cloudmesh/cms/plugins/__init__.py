"""The care of plug-ins: ``cms plugin``.

A plug-in is a distribution that brings commands (``cloudmesh/X/command/Y.py``), providers (entry points of
the group ``cloudmesh.providers``) or executors (``cloudmesh.executors``).

===============  ===========================================================================================
``generate``     writes a new package from the templates, and compares one with them
``naming``       whether a new plug-in may have a name
``installed``    which distribution brings which command, provider and executor
``listing``      all of them as rows, with clashes and what cannot be loaded (``probe``, in another process)
``check``        runs the conformance suite of a provider (``suite``, in another process)
``installers``   pip, uv, pipx: which of them keeps this environment, and how each is called
``plan``         what an installation would bring, and why it is refused
``change``       installs, updates and removes
===============  ===========================================================================================
"""
