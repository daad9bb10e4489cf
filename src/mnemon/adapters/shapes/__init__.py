"""Messages in the shapes that clients of models have, as the fields of messages of ours.

Mappings and objects of OpenAI (chat and responses), Anthropic, Gemini, LangChain and Pydantic AI are known by what they
look like; none of these packages is imported. docs/remembering.md says what becomes of each part.
"""

from mnemon.adapters.shapes.messages import as_messages, is_part

__all__ = ["as_messages", "is_part"]
