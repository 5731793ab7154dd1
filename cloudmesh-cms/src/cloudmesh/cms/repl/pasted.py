"""What was typed or pasted at the prompt, as the lines that are run."""

from __future__ import annotations

import io

from cloudmesh.plugin import script


def lines_of(text: str) -> list[str]:
    """The lines of a text but for blank ones; of several those that are continued are joined.

    Raises:
        UsageError: it is no text in UTF-8, or its last line is continued.
    """
    if "\n" not in text:
        return [text]
    # What a terminal sends that is no UTF-8 has become surrogates, which are refused as such.
    content = io.BytesIO(text.encode(errors="surrogatepass"))
    return [line for _, line in script.read(content, "pasted lines")]
