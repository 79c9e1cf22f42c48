// One factory an exchange type, each in the file of its type; for MakeMatcher alone.
#pragma once

#include <memory>

#include "server/core/routing/matcher.h"

namespace warren::core {

std::unique_ptr<Matcher> MakeDirectMatcher();
std::unique_ptr<Matcher> MakeFanoutMatcher();
std::unique_ptr<Matcher> MakeTopicMatcher();
std::unique_ptr<Matcher> MakeHeadersMatcher();

}  // namespace warren::core
