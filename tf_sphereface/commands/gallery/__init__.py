"""`sphereface enroll | identify | people | forget | find`: people and their faces."""
