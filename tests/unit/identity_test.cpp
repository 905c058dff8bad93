// SPDX-License-Identifier: BSD-3-Clause
// What MACs that nobody chose are derived from: the machine-id, and what an earlier vxd had.
#include "control/daemon/identity.h"

#include "tests/unit/daemon_lab.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace vx;
using namespace vx::test;

namespace
{

// Files in a folder of their own, each with a line in it, or missing.
struct Machine {
    Machine()
    {
        std::string name = "/tmp/vxd-identity-XXXXXX";
        REQUIRE(mkdtemp(name.data()) != nullptr);
        folder = name;
        files = {folder / "machine-id", folder / "board", folder / "kept"};
    }
    ~Machine() { std::filesystem::remove_all(folder); }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    static void write(const std::string& path, std::string_view line) { std::ofstream{path} << line << '\n'; }

    std::filesystem::path folder;
    IdentityFiles files;
};

} // namespace

TEST_CASE("the machine-id alone tells machines apart")
{
    Machine machine;
    Machine::write(machine.files.machine_id, "0123456789abcdef0123456789abcdef");
    Machine::write(machine.files.board, "board");
    const MachineIdentity identity = identify_machine(machine.files);
    CHECK(identity.machine == "0123456789abcdef0123456789abcdef");
    CHECK(identity.warning.empty());
}

TEST_CASE("what MACs were derived from before an upgrade goes on, on the same machine alone")
{
    Machine machine;
    Machine::write(machine.files.machine_id, "0123");
    Machine::write(machine.files.kept, "0123/board/host");
    CHECK(identify_machine(machine.files).machine == "0123/board/host");
    CHECK(identify_machine(machine.files).warning.empty());
    Machine::write(machine.files.machine_id, "4567"); // a clone, or a new id
    CHECK(identify_machine(machine.files).machine == "4567");
    CHECK(has(identify_machine(machine.files).warning, "another"));
}

TEST_CASE("without a machine-id the board's identity takes its place, and without that a random one, with a warning")
{
    Machine machine;
    Machine::write(machine.files.board, "board");
    for (const std::string_view id : {"", "uninitialized"}) {
        Machine::write(machine.files.machine_id, id);
        CHECK(identify_machine(machine.files).machine == "board");
        CHECK(has(identify_machine(machine.files).warning, "are derived from"));
    }
    Machine::write(machine.files.kept, "/board/host"); // of a container without one
    CHECK(identify_machine(machine.files).machine == "/board/host");
    std::filesystem::remove(machine.files.kept);
    std::filesystem::remove(machine.files.board);
    CHECK(identify_machine(machine.files).machine != identify_machine(machine.files).machine);
    CHECK(has(identify_machine(machine.files).warning, "change with every start"));
}
