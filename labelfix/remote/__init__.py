"""Tables that lie on another machine: S3, Google Cloud Storage, Azure, Hugging Face, the web.

Their names are `RemotePath`s, which are read as local paths are; writing goes through `labelfix.runs.atomic_path`.
"""

from labelfix.remote.path import RemotePath, as_path, matching, readable, writable

__all__ = ["RemotePath", "matching", "as_path", "readable", "writable"]
