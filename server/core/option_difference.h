// What differs between the options of a declaration and those in force, in words. Pure functions.
#pragma once

#include <string>

#include "storage/options.h"

namespace warren::core {

// `durable is false, received true`; the first option that differs, "" if none does.
std::string FirstDifference(const storage::ExchangeOptions& current,
                            const storage::ExchangeOptions& received);
std::string FirstDifference(const storage::QueueOptions& current,
                            const storage::QueueOptions& received);

}  // namespace warren::core
