// service/folder.h - the folder that a service's state is in: who has it, and the secret in it.
#pragma once

#include "base/err.h"

enum { FOLDER_SECRET_TEXT = 65 };

// Makes the folder (mode 0700) if it is not there, and takes its lock: the file "lock" in it.
// Owns:   *ret_fd is the lock, the caller's to close.
// Errors: BUSY (another process has it; the message names it), those of mkdir and open.
SR_MUST_USE bool folder_take(const char *folder, int *ret_fd, struct sr_err *err);

// 32 random bytes in hex, made at the first call and the same ever after: the file "token.key",
// mode 0600. The lock must be held.
// Errors: DENIED (others may read it), STORAGE (it is damaged), those of open.
SR_MUST_USE bool folder_secret(const char *folder, char text[FOLDER_SECRET_TEXT],
                               struct sr_err *err);
