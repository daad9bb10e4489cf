"""The public library: AsyncMemory, and Memory for code that does not await."""
