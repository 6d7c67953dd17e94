// `@aws-sdk/client-s3`: the archiver's bucket is the world's here.
class Absent {}
export { Absent as DeleteObjectCommand, Absent as GetObjectCommand, Absent as ListObjectsV2Command, Absent as NoSuchKey, Absent as PutObjectCommand, Absent as S3Client };
