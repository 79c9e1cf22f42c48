#include "server/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace warren {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr Subject kOrders{.kind = "queue", .name = "orders", .virtual_host = "/"};

TEST(Error, CarriesCodeMessageReasonAndSubject) {
  const absl::Status status =
      Error(absl::StatusCode::kNotFound, "QUEUE_NOT_FOUND", kOrders, "no such queue");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such queue");
  const ErrorInfo info = ErrorInfoOf(status);
  EXPECT_EQ(info.reason, "QUEUE_NOT_FOUND");
  EXPECT_THAT(info.metadata, UnorderedElementsAre(Pair("kind", "queue"), Pair("name", "orders"),
                                                  Pair("virtual_host", "/")));
}

TEST(Error, MetadataCanBeAddedAndReplaced) {
  absl::Status status = Error(absl::StatusCode::kNotFound, "QUEUE_NOT_FOUND", kOrders, "");
  status = WithMetadata(status, "index", "7");
  status = WithMetadata(status, "virtual_host", "staging");
  const ErrorInfo info = ErrorInfoOf(status);
  EXPECT_EQ(info.metadata.at("index"), "7");
  EXPECT_EQ(info.metadata.at("virtual_host"), "staging");
  EXPECT_EQ(info.reason, "QUEUE_NOT_FOUND");
}

TEST(Error, StatusMadeElsewhereHasNoReason) {
  const ErrorInfo info = ErrorInfoOf(absl::InternalError("disk"));
  EXPECT_EQ(info.reason, "UNKNOWN");
  EXPECT_TRUE(info.metadata.empty());
  EXPECT_EQ(ErrorInfoOf(absl::OkStatus()).reason, "UNKNOWN");
}

TEST(Error, OkCarriesNoMetadata) {
  EXPECT_TRUE(WithMetadata(absl::OkStatus(), "index", "7").ok());
}

TEST(Error, DescribeNamesTheObject) {
  EXPECT_EQ(Describe(kOrders), "queue \"orders\" in \"/\"");
}

}  // namespace
}  // namespace warren
