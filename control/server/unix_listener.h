// SPDX-License-Identifier: BSD-3-Clause
// A listening UNIX stream socket that one process at a time can have: a lock file beside it ("PATH.lock", flock'ed as
// long as this lives) decides between starters that race, and the kernel releases it when a holder dies.
//
// The socket's mode is 0660: it is open to the owner, which is root, and to root's group or the one that it is given
// to.
#pragma once

#include "dataplane/base/file_descriptor.h"
#include "dataplane/base/result.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace vx
{

class UnixListener
{
public:
    // Removes a socket file that nobody listens on; never anything that is not a socket. Makes the directory if the
    // path is the default.
    static Result<UnixListener> open(std::string path, std::optional<gid_t> group = std::nullopt);

    UnixListener(UnixListener&&) noexcept = default;
    UnixListener& operator=(UnixListener&&) = delete;
    ~UnixListener(); // removes what open() made

    int fd() const { return listener_.get(); }
    const std::string& path() const { return path_; }
    // A non-blocking connection, or no FileDescriptor with errno set.
    FileDescriptor accept() const;

private:
    UnixListener(std::string path, bool has_made_directory)
        : path_(std::move(path)), has_made_directory_(has_made_directory)
    {
    }
    std::string lock_path() const { return path_ + ".lock"; }
    Result<> lock();
    Result<> check_ours(const struct stat& file) const;
    Result<> remove_stale() const;
    Result<> bind(std::optional<gid_t> group);

    std::string path_;
    bool has_made_directory_;
    FileDescriptor lock_;
    FileDescriptor listener_;
    dev_t device_ = 0; // of the socket file, to know it again
    ino_t inode_ = 0;
};

} // namespace vx
