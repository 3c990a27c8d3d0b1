"""Keys that some program has once trimmed, split, decoded, normalised or mistaken for a path."""

# MiniStack looks for the permission of these in the wrong place, so that only the owner of the account may copy them.
PERMISSION_MISTAKEN = ["//", "new\nline"]

KEYS = [
    "with space",
    " space before",
    "space after ",
    "plus+sign",
    "percent%sign",
    "percent%2Fslash",
    "percent%20space",
    "question?mark=1&other=2",
    "hash#sign",
    "double//slash",
    "/slash before",
    "slash after/",
    "a/./dot",
    "a/../dots",
    ".",
    "..",
    "composed \u00e9",
    "decomposed e\u0301",
    "\u65e5\u672c\u8a9e.txt",
    # In UTF-16 the first of these two comes last, in UTF-8 the second.
    "order \uffee",
    "order \U0001f980",
    "control \u0001 character",
    "carriage\rreturn",
    "tab\tstop",
    "quotes ' and \"",
    "back\\slash",
    "glob *[a]?{b}",
    "<markup> & ]]>",
    "colon:semicolon;comma,at@dollar$equals=bang!~",
    "k" * 1024,
    "\u00e9" * 512,
]


def contents(keys: "list[str]") -> "dict[str, bytes]":
    """Something else below each key."""
    return {key: f"content {number}".encode() for number, key in enumerate(keys)}
