// Effects as lines of text: how runs are traced, compared and explained. Two effects that a client
// could tell apart give different lines.
#pragma once

#include <string>

#include "server/core/effect.h"

namespace warren::sim {

std::string Describe(const core::Effect& effect);

// "OK", or code and reason.
std::string Describe(const absl::Status& status);

// The body, and what distinguishes this message from others with the same.
std::string Describe(const storage::Message& message);

}  // namespace warren::sim
