#include "server/core/routing/matcher.h"

#include "server/base/check.h"
#include "server/core/routing/matchers.h"

namespace warren::core {

std::unique_ptr<Matcher> MakeMatcher(storage::ExchangeType type) {
  switch (type) {
    case storage::ExchangeType::kDirect:
      return MakeDirectMatcher();
    case storage::ExchangeType::kFanout:
      return MakeFanoutMatcher();
    case storage::ExchangeType::kTopic:
      return MakeTopicMatcher();
    case storage::ExchangeType::kHeaders:
      return MakeHeadersMatcher();
  }
  WARREN_CHECK(!"an exchange type without a matcher");
}

}  // namespace warren::core
