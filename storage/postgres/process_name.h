// Names of processes that stay apart from all others, on any machine and over restarts:
// HOST/BOOT/NAMESPACE/PROCESS/START. The database keeps that of the owner, so that a broker that
// was killed and started again on the same machine sees that the owner is gone. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace warren::storage {

// Of letters, digits and ".-/" only.
std::string ThisProcess();

// Whether the process ran on this machine, where we could see it, and surely runs no more. What
// can't be told, such as of processes elsewhere, is false.
bool IsGone(std::string_view process);

// For people: "the broker on HOST, process PROCESS"; the name itself if it isn't one.
std::string ProcessForPeople(std::string_view process);

}  // namespace warren::storage
