"""The few pages of this door, each a form: they need no script, and nothing of anywhere else."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.responses import HTMLResponse

from mnemon.core.errors import Invalid

FORM = "application/x-www-form-urlencoded"
_POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Mnemon: {title}</title><h1>{heading}</h1>{body}</html>"""


def page(title: str, heading: str, body: str, status: int = 200) -> HTMLResponse:
    """Return a page; what it is made of is HTML already."""
    content = _PAGE.format(title=title, heading=heading, body=body)
    return HTMLResponse(content, status, headers={"content-security-policy": _POLICY})


def fields_of(content: bytes) -> dict[str, str]:
    """Return the fields of a form that was sent, the first of each name.

    Raises:
        Invalid: it is no form.
    """
    try:
        return {name: values[0] for name, values in parse_qs(content.decode(), max_num_fields=10).items()}
    except ValueError:
        raise Invalid("The form cannot be read.", code="invalid.form") from None
