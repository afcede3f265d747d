"""Which files are meant."""

from fnmatch import fnmatch


def filter_repo_objects(items, allow_patterns=None, ignore_patterns=None):
    allow = [allow_patterns] if isinstance(allow_patterns, str) else allow_patterns
    for item in items:
        allowed = any(fnmatch(item, pattern) for pattern in allow)
        if allowed and not any(fnmatch(item, pattern) for pattern in ignore_patterns):
            yield item
