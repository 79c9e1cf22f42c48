// What a run came to, for people and for programs.
#pragma once

#include <string>

#include "tools/bench/workload.h"

namespace warren::tools {

// The load and its result as one JSON object, with keys as in Workload and Result; latencies are in
// milliseconds.
std::string ToJson(const Workload& workload, const Result& result);

// To standard output.
void PrintTable(const Result& result);

}  // namespace warren::tools
