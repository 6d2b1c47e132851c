"""audit.html: what an aligned collection holds, on one page that shows its faces."""

from tf_sphereface.data.audit.writer import AUDIT_NAME, write_audit

__all__ = ["AUDIT_NAME", "write_audit"]
