#include "server/api/convert/error.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/error.h"

namespace warren::api {
namespace {

const absl::Status kNotFound =
    Error(absl::StatusCode::kNotFound, "QUEUE_NOT_FOUND", {"queue", "orders", "/"}, "no such queue");

TEST(ErrorConversion, ACallsStatusCarriesErrorInfo) {
  const grpc::Status status = ToGrpcStatus(kNotFound);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no such queue");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), 5);
  ASSERT_EQ(details.details_size(), 1);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.ErrorInfo");
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "QUEUE_NOT_FOUND");
  EXPECT_EQ(info.domain(), "warren");
  EXPECT_EQ(info.metadata().at("kind"), "queue");
  EXPECT_EQ(info.metadata().at("name"), "orders");
  EXPECT_EQ(info.metadata().at("virtual_host"), "/");
}

TEST(ErrorConversion, OkStaysOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

TEST(ErrorConversion, AnEntrysErrorSaysTheSame) {
  v1::Error error;
  SetError(kNotFound, &error);
  EXPECT_EQ(error.code(), 5);
  EXPECT_EQ(error.reason(), "QUEUE_NOT_FOUND");
  EXPECT_EQ(error.message(), "no such queue");
  EXPECT_EQ(error.metadata().at("name"), "orders");
}

}  // namespace
}  // namespace warren::api
