"""Held scopes: what recall knows of the rows of a scope, copied into the process. Never what they say.

A search of a scope that is held reads nothing of its rows but those it answers with. The wall stays in the database:
which rows belong to a scope is decided there, by the predicate of the path without a copy, and what is shown is read
there under the same predicate. So a copy that were wrong could cost a hit, and never show one.

It is never behind: each row says which transaction last changed it (migration ``changed``), a copy notes the snapshot
that it was read in, and the first statement of a search asks whether there is a row that this snapshot did not see.
"""
