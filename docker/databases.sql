-- What each part keeps: runs, flows, and what the service was asked and answered.
create database mlflow;
create database prefect;
create database record;
