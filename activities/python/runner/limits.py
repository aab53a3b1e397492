# Limits of each process of a script, which the system enforces. A limit that the system does not support is ignored.
LIMITS = {"memory": "RLIMIT_AS", "cpu": "RLIMIT_CPU", "file_size": "RLIMIT_FSIZE", "open_files": "RLIMIT_NOFILE", "processes": "RLIMIT_NPROC"}

try:
    import resource
except ImportError:  # Windows.
    resource = None


def limit(limits):
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    for name, most in limits.items():
        kind = getattr(resource, LIMITS[name], None)
        if kind is None or not most:
            continue
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        try:
            # A process that exceeds its CPU time is ended by SIGXCPU, which shows the reason, or by SIGKILL if it ignores that.
            resource.setrlimit(kind, (most, min(most + 2, hard) if name == "cpu" and hard != resource.RLIM_INFINITY else
                                      most + 2 if name == "cpu" else most))
        except (ValueError, OSError):
            pass
