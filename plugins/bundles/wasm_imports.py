"""The functions that a plugin's module may import, with their signatures in the runtime.

`tests/plugins/bundles/test_wasm_imports.py` runs a module that imports them all.
"""

EXTISM_NAMESPACE = "extism:host/env"
USER_NAMESPACE = "extism:host/user"  # where Extism guests look for functions of their own host
WASI_NAMESPACE = "wasi_snapshot_preview1"

OPERATION_SIGNATURE = "(i64) -> i64"  # of each host API operation in USER_NAMESPACE: JSON in, JSON out

# https://extism.org/docs/concepts/pdk. Extism's kernel implements memory, input and output; the runtime
# implements the rest, except that plugins.runtime.worker replaces the HTTP functions. Offsets and lengths are
# i64.
EXTISM = {
    "alloc": "(i64) -> i64",
    "free": "(i64) -> ()",
    "length": "(i64) -> i64",
    "length_unsafe": "(i64) -> i64",
    "load_u8": "(i64) -> i32",
    "load_u64": "(i64) -> i64",
    "store_u8": "(i64, i32) -> ()",
    "store_u64": "(i64, i64) -> ()",
    "input_set": "(i64, i64) -> ()",
    "input_length": "() -> i64",
    "input_offset": "() -> i64",
    "input_load_u8": "(i64) -> i32",
    "input_load_u64": "(i64) -> i64",
    "output_set": "(i64, i64) -> ()",
    "output_length": "() -> i64",
    "output_offset": "() -> i64",
    "error_set": "(i64) -> ()",
    "error_get": "() -> i64",
    "memory_bytes": "() -> i64",
    "reset": "() -> ()",
    "config_get": "(i64) -> i64",
    "var_get": "(i64) -> i64",
    "var_set": "(i64, i64) -> ()",
    "http_request": "(i64, i64) -> i64",
    "http_status_code": "() -> i32",
    "http_headers": "() -> i64",
    "log_trace": "(i64) -> ()",
    "log_debug": "(i64) -> ()",
    "log_info": "(i64) -> ()",
    "log_warn": "(i64) -> ()",
    "log_error": "(i64) -> ()",
    "get_log_level": "() -> i32",
}

# https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md, complete. A worker offers no files,
# arguments or environment: functions that read them return an error number or nothing.
WASI = {
    "args_get": "(i32, i32) -> i32",
    "args_sizes_get": "(i32, i32) -> i32",
    "environ_get": "(i32, i32) -> i32",
    "environ_sizes_get": "(i32, i32) -> i32",
    "clock_res_get": "(i32, i32) -> i32",
    "clock_time_get": "(i32, i64, i32) -> i32",
    "fd_advise": "(i32, i64, i64, i32) -> i32",
    "fd_allocate": "(i32, i64, i64) -> i32",
    "fd_close": "(i32) -> i32",
    "fd_datasync": "(i32) -> i32",
    "fd_fdstat_get": "(i32, i32) -> i32",
    "fd_fdstat_set_flags": "(i32, i32) -> i32",
    "fd_fdstat_set_rights": "(i32, i64, i64) -> i32",
    "fd_filestat_get": "(i32, i32) -> i32",
    "fd_filestat_set_size": "(i32, i64) -> i32",
    "fd_filestat_set_times": "(i32, i64, i64, i32) -> i32",
    "fd_pread": "(i32, i32, i32, i64, i32) -> i32",
    "fd_prestat_get": "(i32, i32) -> i32",
    "fd_prestat_dir_name": "(i32, i32, i32) -> i32",
    "fd_pwrite": "(i32, i32, i32, i64, i32) -> i32",
    "fd_read": "(i32, i32, i32, i32) -> i32",
    "fd_readdir": "(i32, i32, i32, i64, i32) -> i32",
    "fd_renumber": "(i32, i32) -> i32",
    "fd_seek": "(i32, i64, i32, i32) -> i32",
    "fd_sync": "(i32) -> i32",
    "fd_tell": "(i32, i32) -> i32",
    "fd_write": "(i32, i32, i32, i32) -> i32",
    "path_create_directory": "(i32, i32, i32) -> i32",
    "path_filestat_get": "(i32, i32, i32, i32, i32) -> i32",
    "path_filestat_set_times": "(i32, i32, i32, i32, i64, i64, i32) -> i32",
    "path_link": "(i32, i32, i32, i32, i32, i32, i32) -> i32",
    "path_open": "(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32",
    "path_readlink": "(i32, i32, i32, i32, i32, i32) -> i32",
    "path_remove_directory": "(i32, i32, i32) -> i32",
    "path_rename": "(i32, i32, i32, i32, i32, i32) -> i32",
    "path_symlink": "(i32, i32, i32, i32, i32) -> i32",
    "path_unlink_file": "(i32, i32, i32) -> i32",
    "poll_oneoff": "(i32, i32, i32, i32) -> i32",
    "proc_exit": "(i32) -> ()",
    "proc_raise": "(i32) -> i32",
    "sched_yield": "() -> i32",
    "random_get": "(i32, i32) -> i32",
    "sock_accept": "(i32, i32, i32) -> i32",
    "sock_recv": "(i32, i32, i32, i32, i32, i32) -> i32",
    "sock_send": "(i32, i32, i32, i32, i32) -> i32",
    "sock_shutdown": "(i32, i32) -> i32",
}

NAMESPACES = {EXTISM_NAMESPACE: EXTISM, WASI_NAMESPACE: WASI}
