"""Attacks on the walls between organisations, generated from the catalogue and written out.

``catalogue`` reads what there is to attack, ``victims`` fills two organisations, ``tries_*`` say what is tried, ``run``
tries it and judges by what the server sent and by what changed, ``known`` lists what is bounded and not closed.
"""
