#include "warren/client/error.h"

#include <gtest/gtest.h>

#include "clients/cpp/src/status.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace warren::client {
namespace {

grpc::Status BrokerError() {
  google::rpc::ErrorInfo info;
  info.set_reason("QUEUE_NOT_FOUND");
  (*info.mutable_metadata())["name"] = "orders";
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such queue", details.SerializeAsString());
}

TEST(Error, TellsTheBrokersReasonAndObject) {
  const absl::Status status = FromGrpc(BrokerError());
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such queue");
  EXPECT_EQ(ErrorInfoOf(status).reason, "QUEUE_NOT_FOUND");
  EXPECT_EQ(ErrorInfoOf(status).metadata.at("name"), "orders");
  EXPECT_FALSE(IsTransient(status));
}

TEST(Error, UnreadableDetailsLeaveCodeAndMessage) {
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::INTERNAL, "broken", "\xFF\xFF garbage"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ErrorInfoOf(status).reason, "UNKNOWN");
}

TEST(Error, ABrokenConnectionIsTransientAndSaysSo) {
  const absl::Status status = FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "reset"));
  EXPECT_TRUE(IsTransient(status));
  EXPECT_EQ(ErrorInfoOf(status).reason, kUnavailable);
}

TEST(Error, AnEntrysErrorWithoutCodeIsOk) {
  EXPECT_TRUE(ToStatus(v1::Error()).ok());
  v1::Error error;
  error.set_code(9);
  error.set_reason("DELIVERY_TAG_UNKNOWN");
  EXPECT_EQ(ToStatus(error).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorInfoOf(ToStatus(error)).reason, "DELIVERY_TAG_UNKNOWN");
}

}  // namespace
}  // namespace warren::client
