// tests/faulty_vfs.h - stands between SQLite and its files: fails, or kills the process, at a call
// of our choice.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum faulty_vfs_call {
    FAULTY_VFS_READ = 1,
    FAULTY_VFS_WRITE = 2,  // cutting a file too
    FAULTY_VFS_SYNC = 4,
    FAULTY_VFS_LOCK = 8,  // for writing
};

enum faulty_vfs_fault {
    FAULTY_VFS_NONE,  // only counts
    FAULTY_VFS_FULL,
    FAULTY_VFS_IO,  // of the kind that the call has
    FAULTY_VFS_BUSY,
    FAULTY_VFS_KILL,  // SIGKILL to this process, before the call
};

struct faulty_vfs_plan {
    unsigned calls;  // which are counted; bits of enum faulty_vfs_call
    uint64_t at;     // the first that fails; they count from 1
    enum faulty_vfs_fault fault;
};

// From now on every database of this process goes through it. Once. Waiting for a lock takes no
// time.
void faulty_vfs_install(void);
// From now on plan and counts are one for this process and those that it forks.
void faulty_vfs_share(void);
// Counts from 0 again. All later calls of the plan fail until the next one.
void faulty_vfs_set(struct faulty_vfs_plan plan);
uint64_t faulty_vfs_count(void);   // calls of the plan so far
uint64_t faulty_vfs_faults(void);  // how many of them failed
