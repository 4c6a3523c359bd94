#include "torn_disk.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace weir::test {

struct TornDisk::File {
    struct Write {
        std::size_t at = 0;
        std::string bytes;
        bool truncates = false;  // to `at`

        void apply(std::string* file, std::size_t size) const {
            if (truncates) return file->resize(std::min(file->size(), at));
            if (file->size() < at + size) file->resize(at + size, '\0');
            file->replace(at, size, bytes, 0, size);
        }
    };
    std::string content;  // as its writer sees it
    std::string synced;
    std::vector<Write> since;  // that

    void write(Write write) {
        write.apply(&content, write.bytes.size());
        since.push_back(std::move(write));
    }
    void sync() {
        synced = content;
        since.clear();
    }
    void lose_power(Random* random) {
        const std::size_t torn = since.empty() ? 0 : random->below(since.size());
        for (std::size_t i = 0; i < since.size(); ++i) {
            const std::size_t whole = since[i].bytes.size();
            if (i == torn) {
                since[i].apply(&synced, random->below(whole + 1));
            } else if (random->below(2) == 0) {
                since[i].apply(&synced, whole);
            }
        }
        content = synced;
        since.clear();
    }
};

namespace {

struct Handle {
    sqlite3_file base;  // first, as SQLite asks
    TornDisk* disk;
    std::shared_ptr<TornDisk::File>* file;
};

Handle* handle_of(sqlite3_file* file) { return reinterpret_cast<Handle*>(file); }

}  // namespace

// What SQLite calls.
struct TornDiskCalls {
    static TornDisk* disk_of(sqlite3_vfs* vfs) { return static_cast<TornDisk*>(vfs->pAppData); }
    static bool use_power(sqlite3_file* file) { return handle_of(file)->disk->use_power(); }

    // ---- Of a file ----

    static int close(sqlite3_file* file) {
        delete handle_of(file)->file;
        return SQLITE_OK;
    }
    static int read(sqlite3_file* file, void* out, int count, sqlite3_int64 offset) {
        const std::string& content = (*handle_of(file)->file)->content;
        const auto at = static_cast<std::size_t>(offset);
        const auto wanted = static_cast<std::size_t>(count);
        const std::size_t there =
            at < content.size() ? std::min(wanted, content.size() - at) : std::size_t{0};
        std::memset(out, 0, wanted);
        if (there > 0) std::memcpy(out, content.data() + at, there);
        return there == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
    }
    static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
        if (!use_power(file)) return SQLITE_IOERR_WRITE;
        (*handle_of(file)->file)
            ->write({static_cast<std::size_t>(offset),
                     std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(count)),
                     false});
        return SQLITE_OK;
    }
    static int truncate(sqlite3_file* file, sqlite3_int64 size) {
        if (!use_power(file)) return SQLITE_IOERR_TRUNCATE;
        (*handle_of(file)->file)->write({static_cast<std::size_t>(size), "", true});
        return SQLITE_OK;
    }
    static int sync(sqlite3_file* file, int /*flags*/) {
        if (!use_power(file)) return SQLITE_IOERR_FSYNC;
        (*handle_of(file)->file)->sync();
        return SQLITE_OK;
    }
    static int size(sqlite3_file* file, sqlite3_int64* out) {
        *out = static_cast<sqlite3_int64>((*handle_of(file)->file)->content.size());
        return SQLITE_OK;
    }
    static int lock(sqlite3_file* /*file*/, int /*level*/) { return SQLITE_OK; }
    static int is_reserved(sqlite3_file* /*file*/, int* out) {
        *out = 0;
        return SQLITE_OK;
    }
    static int control(sqlite3_file* /*file*/, int /*what*/, void* /*value*/) {
        return SQLITE_NOTFOUND;
    }
    static int sector_size(sqlite3_file* /*file*/) { return 4096; }
    static int characteristics(sqlite3_file* /*file*/) { return 0; }

    // ---- Of the disk ----

    static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
        static const sqlite3_io_methods methods = {
            1,       close,       read,    write,       truncate,        sync,    size,    lock,
            lock,    is_reserved, control, sector_size, characteristics, nullptr, nullptr, nullptr,
            nullptr, nullptr,     nullptr};
        TornDisk* const disk = disk_of(vfs);
        file->pMethods = nullptr;
        if (!disk->powered_) return SQLITE_CANTOPEN;
        std::shared_ptr<TornDisk::File> content;
        if (name != nullptr) content = disk->files_[name];
        if (!content) content = std::make_shared<TornDisk::File>();
        if (name != nullptr) disk->files_[name] = content;
        handle_of(file)->disk = disk;
        handle_of(file)->file = new std::shared_ptr<TornDisk::File>(std::move(content));
        file->pMethods = &methods;
        if (out != nullptr) *out = flags;
        return SQLITE_OK;
    }
    static int remove(sqlite3_vfs* vfs, const char* name, int /*sync*/) {
        if (!disk_of(vfs)->use_power()) return SQLITE_IOERR_DELETE;
        return disk_of(vfs)->files_.erase(name) > 0 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
    }
    static int access(sqlite3_vfs* vfs, const char* name, int /*what*/, int* out) {
        *out = disk_of(vfs)->files_.contains(name) ? 1 : 0;
        return SQLITE_OK;
    }
    static int full_name(sqlite3_vfs* /*vfs*/, const char* name, int size, char* out) {
        sqlite3_snprintf(size, out, "%s", name);
        return SQLITE_OK;
    }
};

TornDisk::TornDisk() {
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;  // for the time, and what else is no file
    vfs_.iVersion = 1;
    vfs_.szOsFile = sizeof(Handle);
    vfs_.pNext = nullptr;
    vfs_.zName = "torn";
    vfs_.pAppData = this;
    vfs_.xOpen = TornDiskCalls::open;
    vfs_.xDelete = TornDiskCalls::remove;
    vfs_.xAccess = TornDiskCalls::access;
    vfs_.xFullPathname = TornDiskCalls::full_name;
    sqlite3_vfs_register(&vfs_, 1);
}

TornDisk::~TornDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
}

bool TornDisk::use_power() {
    if (!powered_) return false;
    if (operations_left_ == 0) {
        powered_ = false;
        return false;
    }
    if (operations_left_ != kNever) --operations_left_;
    return true;
}

void TornDisk::restore_power(Random* random) {
    for (auto& [name, file] : files_) file->lose_power(random);
    operations_left_ = kNever;
    powered_ = true;
}

}  // namespace weir::test
