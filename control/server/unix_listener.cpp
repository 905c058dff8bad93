// SPDX-License-Identifier: BSD-3-Clause
#include "control/server/unix_listener.h"

#include "control/wire/wire.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

namespace vx
{

namespace
{

constexpr mode_t kSocketMode = 0660;
constexpr mode_t kDirectoryMode = 0755;
constexpr int kBacklog = 1024;
// A vxd that was killed has its lock until the kernel has taken down its memory, which comes first.
constexpr auto kLockPatience = std::chrono::seconds{1};
constexpr auto kLockInterval = std::chrono::milliseconds{10};

std::string directory_of(const std::string& path)
{
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::optional<sockaddr_un> address_of(const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path) || path.find('\0') != std::string::npos)
        return std::nullopt;
    std::copy(path.begin(), path.end(), address.sun_path);
    return address;
}

bool is_same_file(const struct stat& a, const struct stat& b)
{
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

} // namespace

Result<UnixListener> UnixListener::open(std::string path, std::optional<gid_t> group)
{
    if (!address_of(path))
        return vx::error("socket {}: a path of 1 to {} bytes is needed", path, sizeof(sockaddr_un::sun_path) - 1);
    bool has_made_directory = false;
    if (path == kDefaultSocketPath) {
        has_made_directory = mkdir(directory_of(path).c_str(), kDirectoryMode) == 0;
        if (!has_made_directory && errno != EEXIST)
            return vx::error("socket {}: make its directory: {}{}", path, std::strerror(errno),
                             errno == EACCES ? " (vxd needs root, or another --socket PATH)" : "");
    }
    UnixListener listener(std::move(path), has_made_directory);
    if (auto locked = listener.lock(); !locked)
        return std::move(locked).error();
    if (auto removed = listener.remove_stale(); !removed)
        return std::move(removed).error();
    if (auto bound = listener.bind(group); !bound)
        return std::move(bound).error();
    return listener;
}

Result<> UnixListener::lock()
{
    const auto patience_ends = std::chrono::steady_clock::now() + kLockPatience;
    for (;;) {
        FileDescriptor file(::open(lock_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
        if (!file)
            return vx::error("socket {}: open {}: {}{}", path_, lock_path(), std::strerror(errno),
                             errno == ELOOP ? " (it is a symbolic link, which vxd does not follow; remove it)" : "");
        if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK)
                return vx::error("socket {}: lock {}: {}", path_, lock_path(), std::strerror(errno));
            if (std::chrono::steady_clock::now() < patience_ends) {
                std::this_thread::sleep_for(kLockInterval);
                continue;
            }
            std::array<char, 16> pid{};
            const ssize_t size = pread(file.get(), pid.data(), pid.size(), 0);
            std::string_view holder(pid.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
            holder = holder.substr(0, holder.find_first_not_of("0123456789")); // whatever file it is
            return vx::error("socket {}: another vxd{} already listens on it", path_,
                             holder.empty() ? "" : fmt::format(" (process {})", holder));
        }
        // The one who had it before may have removed the file between our open and our lock.
        struct stat mine, there;
        if (fstat(file.get(), &mine) != 0)
            return vx::error("socket {}: look at {}: {}", path_, lock_path(), std::strerror(errno));
        if (lstat(lock_path().c_str(), &there) != 0 || !is_same_file(mine, there))
            continue;
        if (auto ours = check_ours(mine); !ours)
            return ours;
        const std::string pid = std::to_string(getpid());
        if (ftruncate(file.get(), 0) != 0 || pwrite(file.get(), pid.data(), pid.size(), 0) < 0)
            return vx::error("socket {}: write {}: {}", path_, lock_path(), std::strerror(errno));
        lock_ = std::move(file);
        return Ok{};
    }
}

// Others may write to the folder: what has the lock's name may be a second name of any file of ours.
Result<> UnixListener::check_ours(const struct stat& file) const
{
    if (!S_ISREG(file.st_mode))
        return vx::error("socket {}: {} is in the way and not a regular file", path_, lock_path());
    if (file.st_uid != geteuid())
        return vx::error("socket {}: {} is of user {}, and vxd runs as user {}; remove it", path_, lock_path(),
                         file.st_uid, geteuid());
    if (file.st_nlink > 1)
        return vx::error("socket {}: {} is a hard link, and its file has another name, which would be overwritten; "
                         "remove it",
                         path_, lock_path());
    return Ok{};
}

Result<> UnixListener::remove_stale() const
{
    struct stat there;
    if (lstat(path_.c_str(), &there) != 0) {
        if (errno == ENOENT)
            return Ok{};
        return vx::error("socket {}: {}", path_, std::strerror(errno));
    }
    if (!S_ISSOCK(there.st_mode))
        return vx::error("socket {}: what has this name is not a socket; remove it, or use another --socket PATH",
                         path_);
    // Not one of ours if it is alive, since we hold the lock; but then it is somebody's.
    const FileDescriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un address = *address_of(path_);
    if (!probe)
        return vx::error("socket {}: {}", path_, std::strerror(errno));
    if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
        errno != ECONNREFUSED)
        return vx::error("socket {}: another process listens on it", path_);
    if (unlink(path_.c_str()) != 0)
        return vx::error("socket {}: remove the stale socket file: {}", path_, std::strerror(errno));
    return Ok{};
}

Result<> UnixListener::bind(std::optional<gid_t> group)
{
    FileDescriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un address = *address_of(path_);
    // fchmod first: Linux gives the file the socket's mode, less the umask. By its path it is not changed any more: in
    // a folder of others, that may have come to mean another file.
    bool is_bound = listener && fchmod(listener.get(), kSocketMode) == 0;
    if (is_bound) {
        const mode_t mask = umask(0);
        is_bound = ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
        const int failure = errno;
        umask(mask);
        errno = failure;
    }
    if (!is_bound)
        return vx::error("socket {}: bind: {}", path_, std::strerror(errno));
    listener_ = std::move(listener);
    const FileDescriptor file(::open(path_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat there;
    if (!file || fstat(file.get(), &there) != 0)
        return vx::error("socket {}: look at it: {}", path_, std::strerror(errno));
    if (!S_ISSOCK(there.st_mode) || there.st_uid != geteuid() || there.st_nlink != 1)
        return vx::error("socket {}: somebody has put another file in its place", path_);
    device_ = there.st_dev;
    inode_ = there.st_ino;
    // Nobody can have connected yet: it does not listen.
    if (group && fchownat(file.get(), "", static_cast<uid_t>(-1), *group, AT_EMPTY_PATH) != 0)
        return vx::error("socket {}: give it to the group {}: {}", path_, *group, std::strerror(errno));
    if (listen(listener_.get(), kBacklog) != 0)
        return vx::error("socket {}: listen: {}", path_, std::strerror(errno));
    return Ok{};
}

FileDescriptor UnixListener::accept() const
{
    return FileDescriptor(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

UnixListener::~UnixListener()
{
    struct stat there;
    if (listener_ && lstat(path_.c_str(), &there) == 0 && there.st_dev == device_ && there.st_ino == inode_)
        unlink(path_.c_str());
    if (lock_)
        unlink(lock_path().c_str()); // still locked: see lock()
    if (lock_ && has_made_directory_)
        rmdir(directory_of(path_).c_str());
}

} // namespace vx
