#include "tools/warrenctl/listing.h"

#include <array>
#include <cstdio>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace warren::tools {
namespace {

std::string Span(absl::Duration span) {
  // Whole seconds are what people look at, but for what has only begun.
  return absl::FormatDuration(
      absl::Trunc(span, span < absl::Seconds(1) ? absl::Milliseconds(1) : absl::Seconds(1)));
}

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

}  // namespace

std::shared_ptr<ListFlags> AddListFlags(CLI::App* verb, bool with_match) {
  auto flags = std::make_shared<ListFlags>();
  verb->add_flag("--all-vhosts", flags->all_virtual_hosts,
                 "Of all virtual hosts that you may enter, not of --vhost alone");
  if (with_match) {
    verb->add_option("--match", flags->pattern, "Only names that this regular expression matches")
        ->type_name("RE2");
  }
  return flags;
}

absl::Status WrongArgument(const std::string& message) {
  return client::MakeError(absl::StatusCode::kInvalidArgument, "ARGUMENT_INVALID", message);
}

absl::StatusOr<v1::GetOverviewResponse> GetOverview(client::Connection& connection) {
  client::Admin admin(connection);
  return admin.Call(&client::Admin::Stub::GetOverview, v1::GetOverviewRequest());
}

std::string Age(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return Span(std::max(absl::ZeroDuration(), absl::Now() - TimeOf(time)));
}

std::string TimeLeft(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return Span(std::max(absl::ZeroDuration(), TimeOf(time) - absl::Now()));
}

std::string Size(uint64_t bytes) {
  static constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", amount, kUnits[unit]);
  return text.data();
}

}  // namespace warren::tools
