"""The metrics of files."""

from prometheus_client import Counter

FILES_TAKEN = Counter("ticketbus_files_taken_total", "Files uploaded, a repeat of the same one included", ["type"])
FILE_BYTES_TAKEN = Counter("ticketbus_files_taken_bytes_total", "Bytes of files uploaded")
FILES_REFUSED = Counter("ticketbus_files_refused_total", "Uploads refused, by the code of the answer", ["code"])
FILES_DELETED = Counter("ticketbus_files_deleted_total", "Files deleted: erased, or named by no evidence in time")
