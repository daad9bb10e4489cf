"""Coded rows: what recall holds of an organisation whose scopes are too large to be held row by row.

One copy an organisation, some 120 bytes a row: a code of 512 bits for the vector, where each word stands, when. Which
of the rows belong to a scope is asked of the database once, by the scope's own predicate, and kept as one flag a row. A
search compares the codes, adds up the words, and has a few hundred rows left, which it reads from the database under
the scope's and the principal's predicate, as a held scope would have them, and measures in the same way.

So a copy that were wrong could cost a hit, and never show one. It is read behind the first search that misses it, which
goes by the database's own indexes, and is brought up to date as held scopes are.
"""
