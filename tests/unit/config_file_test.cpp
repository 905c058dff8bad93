// SPDX-License-Identifier: BSD-3-Clause
#include "control/config/config_file.h"
#include "dataplane/base/file_descriptor.h"

#include <catch2/catch.hpp>

#include <cstdlib>

using namespace vx;

namespace
{

struct TemporaryFile {
    explicit TemporaryFile(std::string_view text)
    {
        const FileDescriptor fd(mkstemp(path.data()));
        REQUIRE(fd);
        REQUIRE(write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    ~TemporaryFile() { unlink(path.c_str()); }
    std::string path = "/tmp/vxd-config-XXXXXX";
};

} // namespace

TEST_CASE("a config file is read into commands, and its errors name file and line")
{
    const TemporaryFile file("# uplink\n\nlink add br0 type bridge\nfdb append x\n");
    const auto config = ConfigFile::read(file.path);
    REQUIRE(config.has_value());
    CHECK(config->commands() == CommandList{{"link", "add", "br0", "type", "bridge"}, {"fdb", "append", "x"}});
    const Error failure = config->error_at(1, usage_error("fdb append: no"));
    CHECK(failure.message == file.path + ":4: fdb append: no");
    CHECK(failure.kind == Error::Kind::kUsage);
}

TEST_CASE("a config file that cannot be read is an error with its name")
{
    CHECK(ConfigFile::read("/nonexistent/vxd.conf").error().message ==
          "config file /nonexistent/vxd.conf: No such file or directory");
    CHECK(ConfigFile::read("/tmp").error().message == "config file /tmp: Is a directory");
    const TemporaryFile file("link show\nlink \"show\n");
    CHECK(ConfigFile::read(file.path).error().message == file.path + ":2: the quote at column 6 is not closed");
}
