// Goal: frames put together by hand are what protobuf would have written.
// Method: parse them back and compare with what went in.
#include "clients/cpp/src/publish_frame.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "clients/cpp/src/codec.h"

namespace warren::client {
namespace {

using google::protobuf::util::MessageDifferencer;

v1::Publication PublicationOf(size_t body_bytes) {
  v1::Publication publication;
  publication.set_exchange("orders");
  publication.set_routing_key("order.created");
  publication.mutable_message()->set_body(std::string(body_bytes, 'b'));
  publication.mutable_message()->set_message_id(std::to_string(body_bytes));
  return publication;
}

void Add(PublishFrame& frame, const v1::Publication& publication) {
  frame.Add(publication, publication.ByteSizeLong());
}

v1::PublishStreamRequest Parse(PublishFrame& frame) {
  grpc::ByteBuffer buffer = frame.Serialize();
  v1::PublishStreamRequest request;
  EXPECT_TRUE(Decode(buffer, request));
  return request;
}

TEST(PublishFrame, ParsesBackToWhatWasAdded) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const uint64_t sequence : {uint64_t{1}, uint64_t{300}, uint64_t{1} << 62}) {
    PublishFrame frame(sequence);
    std::vector<v1::Publication> added;
    // From bodies smaller than a slice's own header to some larger than a chunk.
    std::uniform_int_distribution<int> magnitude(0, 16);
    while (added.size() < 40) {
      added.push_back(PublicationOf((size_t{1} << magnitude(random)) + random() % 7));
      Add(frame, added.back());
    }
    const v1::PublishStreamRequest request = Parse(frame);
    ASSERT_TRUE(request.has_batch());
    EXPECT_EQ(request.batch().first_sequence(), sequence);
    EXPECT_EQ(frame.last_sequence(), sequence + 39);
    ASSERT_EQ(request.batch().publications_size(), 40);
    for (int i = 0; i < 40; ++i) {
      EXPECT_TRUE(MessageDifferencer::Equals(request.batch().publications(i), added[i])) << i;
    }
  }
}

TEST(PublishFrame, AnEmptyPublicationTakesItsPlace) {
  PublishFrame frame(1);
  Add(frame, v1::Publication());
  Add(frame, PublicationOf(3));
  EXPECT_EQ(Parse(frame).batch().publications_size(), 2);
}

TEST(PublishFrame, SaysFromTheSecondTimeOnThatItIsResent) {
  PublishFrame frame(7);
  Add(frame, PublicationOf(10));
  Add(frame, PublicationOf(20));
  EXPECT_FALSE(Parse(frame).batch().resent());
  EXPECT_FALSE(frame.Fits(1)) << "a new message would be called resent";
  for (int again = 0; again < 2; ++again) {
    const v1::PublishStreamRequest request = Parse(frame);
    EXPECT_TRUE(request.batch().resent());
    EXPECT_EQ(request.batch().first_sequence(), 7U);
    EXPECT_EQ(request.batch().publications_size(), 2);
  }
}

TEST(PublishFrame, IsBoundedButForOneLargeMessage) {
  PublishFrame frame(1);
  EXPECT_TRUE(frame.Fits(100 * PublishFrame::kMaxBytes));
  Add(frame, PublicationOf(1));
  EXPECT_FALSE(frame.Fits(PublishFrame::kMaxBytes));
  while (frame.Fits(1)) Add(frame, PublicationOf(1));
  EXPECT_EQ(frame.messages(), PublishFrame::kMaxMessages);
}

}  // namespace
}  // namespace warren::client
