"""What a process runs that hides packages from itself: which packages some names bring along."""

REQUIREMENTS = """
import importlib.metadata, re

def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()

def with_requirements(name, found):
    if normal(name) not in found:
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            return found
        found.add(normal(name))
        for line in requirements:
            if "extra ==" not in line:
                with_requirements(re.match(r"[A-Za-z0-9._-]+", line)[0], found)
    return found
"""
