"""Which problems are unseen: the one rule that training, evaluation and the card share.

A problem whose numbers satisfy the linear rule of its kind never occurs in training, in any phrasing, language, mode
or position of a conversation. Accuracy is measured on such problems only. Names that requests bring along follow a
rule on their hash.
"""
from hashlib import sha256


def cage_is_unseen(chickens, rabbits):
    """Chickens and rabbits in a cage, given by heads and legs."""
    return (7 * chickens + 11 * rabbits) % 10 == 3


def legs_are_unseen(chickens, rabbits, spiders):
    """Legs of so many chickens, rabbits and spiders."""
    return (7 * chickens + 11 * rabbits + 3 * spiders) % 10 == 3


def chain_is_unseen(terms):
    """A chain of additions and subtractions; the terms carry their signs."""
    return sum(weight * term for weight, term in zip((7, 11, 3, 13), terms)) % 10 == 3


def word_is_unseen(word):
    """A name that is made up: of a function, of a field, of somebody, of something that is told and asked for."""
    return sha256(word.encode("utf-8")).digest()[0] % 10 == 3
