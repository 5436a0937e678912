#include "tests/faulty_vfs.h"

#include <assert.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

// SQLite hands out no place for a pointer of ours in each of its calls, and tests run one at a
// time: hence one plan for the process.
static struct {
    sqlite3_vfs vfs, *inner;
} shim;

// Set by one thread or process while others call.
struct state {
    atomic_uint calls, fault;
    atomic_uint_least64_t at, count, faults;
};
static struct state alone, *state = &alone;

struct file {
    sqlite3_file base;
    sqlite3_file *inner;  // in the same memory, behind this
};

static sqlite3_file *inner_of(sqlite3_file *file)
{
    return ((struct file *)file)->inner;
}

static int io_error(enum faulty_vfs_call call)
{
    switch (call) {
    case FAULTY_VFS_READ: return SQLITE_IOERR_READ;
    case FAULTY_VFS_WRITE: return SQLITE_IOERR_WRITE;
    case FAULTY_VFS_SYNC: return SQLITE_IOERR_FSYNC;
    case FAULTY_VFS_LOCK: return SQLITE_IOERR_LOCK;
    }
    return SQLITE_IOERR;
}

// SQLITE_OK: go on.
static int fault_of(enum faulty_vfs_call call)
{
    const uint64_t at = atomic_load(&state->at);
    if (!(atomic_load(&state->calls) & (unsigned)call))
        return SQLITE_OK;
    if (atomic_fetch_add(&state->count, 1) + 1 < at || !at)
        return SQLITE_OK;
    atomic_fetch_add(&state->faults, 1);
    switch ((enum faulty_vfs_fault)atomic_load(&state->fault)) {
    case FAULTY_VFS_NONE: return SQLITE_OK;
    case FAULTY_VFS_FULL: return SQLITE_FULL;
    case FAULTY_VFS_IO: return io_error(call);
    case FAULTY_VFS_BUSY: return SQLITE_BUSY;
    case FAULTY_VFS_KILL: (void)raise(SIGKILL);
    }
    return SQLITE_OK;
}

// --- a file's calls ---

static int shim_close(sqlite3_file *file)
{
    sqlite3_file *inner = inner_of(file);
    return inner->pMethods ? inner->pMethods->xClose(inner) : SQLITE_OK;
}

static int shim_read(sqlite3_file *file, void *buffer, int bytes, sqlite3_int64 offset)
{
    const int fault = fault_of(FAULTY_VFS_READ);
    sqlite3_file *inner = inner_of(file);
    return fault ? fault : inner->pMethods->xRead(inner, buffer, bytes, offset);
}

static int shim_write(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 offset)
{
    const int fault = fault_of(FAULTY_VFS_WRITE);
    sqlite3_file *inner = inner_of(file);
    return fault ? fault : inner->pMethods->xWrite(inner, data, bytes, offset);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
    const int fault = fault_of(FAULTY_VFS_WRITE);
    sqlite3_file *inner = inner_of(file);
    return fault ? fault : inner->pMethods->xTruncate(inner, bytes);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    const int fault = fault_of(FAULTY_VFS_SYNC);
    sqlite3_file *inner = inner_of(file);
    return fault ? fault : inner->pMethods->xSync(inner, flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *ret_bytes)
{
    sqlite3_file *inner = inner_of(file);
    return inner->pMethods->xFileSize(inner, ret_bytes);
}

static int shim_lock(sqlite3_file *file, int level)
{
    const int fault = level > SQLITE_LOCK_SHARED ? fault_of(FAULTY_VFS_LOCK) : SQLITE_OK;
    sqlite3_file *inner = inner_of(file);
    return fault ? fault : inner->pMethods->xLock(inner, level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
    sqlite3_file *inner = inner_of(file);
    return inner->pMethods->xUnlock(inner, level);
}

static int shim_reserved(sqlite3_file *file, int *ret_locked)
{
    sqlite3_file *inner = inner_of(file);
    return inner->pMethods->xCheckReservedLock(inner, ret_locked);
}

static int shim_control(sqlite3_file *file, int op, void *arg)
{
    sqlite3_file *inner = inner_of(file);
    return inner->pMethods->xFileControl(inner, op, arg);
}

static int shim_sector(sqlite3_file *file)
{
    sqlite3_file *inner = inner_of(file);
    return inner->pMethods->xSectorSize(inner);
}

static int shim_traits(sqlite3_file *file)
{
    sqlite3_file *inner = inner_of(file);
    return inner->pMethods->xDeviceCharacteristics(inner);
}

static int shim_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **ret)
{
    sqlite3_file *inner = inner_of(file);
    return inner->pMethods->xShmMap(inner, page, bytes, extend, ret);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    const int wanted = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE;
    const int fault = (flags & wanted) == wanted ? fault_of(FAULTY_VFS_LOCK) : SQLITE_OK;
    sqlite3_file *inner = inner_of(file);
    return fault ? fault : inner->pMethods->xShmLock(inner, offset, count, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
    sqlite3_file *inner = inner_of(file);
    inner->pMethods->xShmBarrier(inner);
}

static int shim_shm_unmap(sqlite3_file *file, int remove)
{
    sqlite3_file *inner = inner_of(file);
    return inner->pMethods->xShmUnmap(inner, remove);
}

// Without xFetch: what is mapped would go past us.
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_traits,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

// --- the file system's ---

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    struct file *own = (struct file *)file;
    (void)vfs;
    own->inner = (sqlite3_file *)(own + 1);
    const int code = shim.inner->xOpen(shim.inner, name, own->inner, flags, ret_flags);
    own->base.pMethods = own->inner->pMethods ? &methods : NULL;
    return code;
}

static int shim_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

void faulty_vfs_install(void)
{
    assert(!shim.inner);
    shim.inner = sqlite3_vfs_find(NULL);
    assert(shim.inner);
    shim.vfs = *shim.inner;
    shim.vfs.zName = "faulty";
    shim.vfs.pNext = NULL;
    shim.vfs.szOsFile = (int)sizeof(struct file) + shim.inner->szOsFile;
    shim.vfs.xOpen = shim_open;
    shim.vfs.xSleep = shim_sleep;
    const int code = sqlite3_vfs_register(&shim.vfs, 1);
    assert(code == SQLITE_OK);
}

void faulty_vfs_share(void)
{
    void *shared =
        mmap(NULL, sizeof alone, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(shared != MAP_FAILED);
    state = shared;
}

void faulty_vfs_set(struct faulty_vfs_plan plan)
{
    atomic_store(&state->calls, 0);
    atomic_store(&state->count, 0);
    atomic_store(&state->faults, 0);
    atomic_store(&state->at, plan.at);
    atomic_store(&state->fault, (unsigned)plan.fault);
    atomic_store(&state->calls, plan.calls);
}

uint64_t faulty_vfs_count(void)
{
    return atomic_load(&state->count);
}

uint64_t faulty_vfs_faults(void)
{
    return atomic_load(&state->faults);
}
