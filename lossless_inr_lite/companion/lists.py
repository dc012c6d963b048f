"""Lists as people type them in a notebook's parameter."""


def comma_list(text: str) -> list[str]:
    """The parts of a comma-separated list, without the spaces around them and without empty ones.

    >>> comma_list(" astronaut, coffee,")
    ['astronaut', 'coffee']
    """
    return [part.strip() for part in text.split(",") if part.strip()]
